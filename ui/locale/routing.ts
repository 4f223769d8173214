/** Words of the routing pages. */
export const routingZh = {
  "destination.flow": "IVR 菜单",
  "destination.condition": "条件判断",
  "destination.group": "坐席组",
  "destination.agent": "坐席",
  "destination.extension": "分机",
  "destination.ring-group": "响铃组",
  "destination.playlist": "播放列表",
  "destination.external": "外部号码",
  "destination.hangup": "挂断",
  "destination.number": "电话号码",
} as const;

export const routingEn: Record<keyof typeof routingZh, string> = {
  "destination.flow": "IVR menu",
  "destination.condition": "Condition",
  "destination.group": "Agent group",
  "destination.agent": "Agent",
  "destination.extension": "Extension",
  "destination.ring-group": "Ring group",
  "destination.playlist": "Playlist",
  "destination.external": "Outside number",
  "destination.hangup": "Hang up",
  "destination.number": "Telephone number",
};
